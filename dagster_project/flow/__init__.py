"""The five rooms, in the order in which data flows; each knows only those before it."""
