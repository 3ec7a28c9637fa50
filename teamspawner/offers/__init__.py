"""What may this person have now: tiers times live accelerators, entitlement, caps, choices."""
