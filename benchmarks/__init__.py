"""Speed and memory of watching a cluster, against the other ways, side by side in one run."""
