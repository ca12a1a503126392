"""Who waits for whom: saturated server pools, waits of threads, deadlocks, cycles between processes.

Lives here: the case, which holds an incident with everything that was joined, and the wait-for graph.
Must not: name a root cause or its remedy; rules do.
"""
