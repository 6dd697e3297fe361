"""What a comparison found, in sentences, tables, JSON and a page with pictures."""
