"""Pictures of any size through a network: planning tiles, running them, blending them."""
