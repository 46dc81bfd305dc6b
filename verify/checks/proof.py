def run(claim, budget):
    from ..claim import CheckResult
    return CheckResult(None, detail="not run")
