"""Updates: gets the models that the house wants onto the shelf, and says how far that is.

Signed updates, trials and roll-back come here too; now it fetches what the house's own catalogue names, by its pinned hashes.
"""
