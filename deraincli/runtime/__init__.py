"""The process that the package runs in: how it was installed, its settings, its CPUs and threads."""
