"""The demo: a real JupyterHub with a cluster to play with.

Read ``supervisor`` for what is started and how it ends, ``scenario`` for the
file that describes a cluster and its people.
"""
