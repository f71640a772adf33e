"""Planning: which units an audit has, what each depends on and costs, and how it is measured."""
