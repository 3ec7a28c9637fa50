"""Show a Listing as HTML and JSON; decides nothing."""
