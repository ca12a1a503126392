"""What is known of software, as data, and how stacks and names are matched with it.

Lives here: knowledge.toml, what a stack waits for (blockers), and threads grouped into pools.
Must not: know a sample, or decide a cause: a known name is a hint, never a verdict.
"""
