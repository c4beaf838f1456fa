"""Templates for public libraries, which the user has: manifests name them as `utvm:NAME`."""
