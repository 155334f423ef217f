"""People out of a table: `rows` checks each row on its own, `people` writes all good ones in one transaction.

A person is found by the platform's id, else by email. Only what a row gives is changed: an absent column or an empty
cell leaves what stands. A given `teams` cell says all of the person's teams, the primary one first.
"""
