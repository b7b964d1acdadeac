"""Restores many pictures without supervision.

`jobs` and `shards` choose the pictures. `worker` restores one picture from file to file. `run`,
`local_engine`, `ray_engine` and `watch` restore them all. `outcome`, `summary` and `report` describe the
results.
"""
