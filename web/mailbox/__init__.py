"""The mails of a one-machine run, which sends none: each person reads their own here."""
