"""Generated texts: two players that learn from each other, and how good what they make is."""
