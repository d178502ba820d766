"""Warnings of libraries stay unheard in every thread, whatever another does meanwhile."""

import threading
import warnings

from operandi.imaging.dicom.unheard_warnings import warnings_refused, warnings_unheard


def test_a_thread_that_hears_everything_does_not_wake_the_warnings_of_another() -> None:
    """With a filter set by each thread alone, the second would find the first one's."""
    entered, heard = threading.Event(), []

    def refuse() -> None:
        with warnings_refused():
            entered.set()

    def write() -> None:
        entered.wait()
        try:
            for _ in range(200):
                with warnings_unheard():
                    warnings.warn("a name of one component", UserWarning, stacklevel=1)
        except UserWarning as warning:
            heard.append(warning)

    threads = [threading.Thread(target=write) for _ in range(4)]
    with warnings_unheard():
        pass
    for thread in threads:
        thread.start()
    for _ in range(200):
        refuse()
    for thread in threads:
        thread.join()

    assert heard == []
