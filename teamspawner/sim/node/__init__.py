"""The kubelet of the embedded cluster: pods become processes on this machine.

A plain client of the API, so it serves a real kube-apiserver as well. Read
``kubelet`` for which pods it cares for, ``runner`` for the life of one pod.
"""
