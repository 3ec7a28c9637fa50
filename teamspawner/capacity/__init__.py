"""Would it fit? Why not? The kube-scheduler's verdict, taken early; no I/O, no clock."""
