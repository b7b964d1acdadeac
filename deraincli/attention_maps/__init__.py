"""A look at the attention maps: pictures of them, and how well they find the rain."""
