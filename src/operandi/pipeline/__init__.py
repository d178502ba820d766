"""From a study folder to its results: steps, the store that remembers them and their runner."""
