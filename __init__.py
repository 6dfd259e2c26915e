"""For tools that resolve relative imports in the tree as it stands; never imported at run time."""
