"""The Dagster side: assets, checks, jobs. They wrap the steps of flow/ and hold no logic of their own."""
