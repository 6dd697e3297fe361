"""Named datasets: the catalog, downloads, and the datasets that come with the installation."""
