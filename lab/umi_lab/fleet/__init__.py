"""A fleet: enrolled laptops, several fronts, one registry, and engines as fast as a card; how it is measured."""
