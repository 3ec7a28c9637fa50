"""The map: the admin's file of what may be offered to whom, checked and explained."""
