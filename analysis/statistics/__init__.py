"""Statistical tests, intervals and corrections: pure functions of arrays, each with its formula and source."""
