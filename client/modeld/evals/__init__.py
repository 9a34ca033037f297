"""Evaluations: tasks that are solved by models, scored and logged.

The faces `modeld.solver`, `scorer`, `dataset` and `log` give users these names; this package is
loaded when one of them is, never by `import modeld`.
"""
