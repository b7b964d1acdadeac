"""Reading and writing folders and files safely."""
