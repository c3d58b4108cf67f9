def test_a_finished_run_runs_nothing_again(finished):
    lock = finished.lock()
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock
