"""TVM's MetaSchedule as a search for operators that have no template of their own."""
