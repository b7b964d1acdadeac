"""Many pictures, unattended.

Which ones (request, jobs, walk, shards), what is done already (manifest), one of them from file to file
(worker), all of them (run, local, ray_engine, watch), and what came of it (outcome, summary, page).
"""
