"""Formats of thread dumps, one dialect a module: HotSpot, its agents, javacore, JRockit, management beans, thread files.

Lives here: how a runtime prints threads, frames, locks and deadlocks, and the failures of the tools that ask for them.
Must not: know another format, name a pool, or say what a thread waits for.
"""
