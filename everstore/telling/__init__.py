"""What a store tells of its calls: it never decides an answer."""
