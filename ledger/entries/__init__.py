"""What can be said: one frozen class per kind of entry. Pure values, no database, no clock."""
