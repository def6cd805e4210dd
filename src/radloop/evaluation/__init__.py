"""What a model is worth on patients it never saw, group by group, against plain alternatives."""
