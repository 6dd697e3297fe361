"""The results of a comparison as sentences, tables, JSON and an HTML page with plots."""
