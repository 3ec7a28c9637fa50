"""What may this person have now: tiers times live accelerators, entitlement, caps, choices.

``desk.Desk`` is the way in: it lists, resolves raw user options and admits starts.
"""
