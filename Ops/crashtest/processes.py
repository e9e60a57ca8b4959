"""Processes that a round starts. Whatever was started is stopped at the end, however it comes."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import threading

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_running = set()
_lock = threading.Lock()


class Failure(Exception):
    """The round cannot go on, or did not hold what it must."""


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(arguments, **options):
    """As subprocess.Popen; ends with this process and with the thread that starts it."""
    process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **options)
    with _lock:
        _running.add(process)
    return process


def _kill(process):
    """With all that it started, where it was given a session of its own."""
    if process.poll() is None and os.getpgid(process.pid) == process.pid:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def finish(process, timeout_s, what):
    """Waits for the end; kills what takes longer."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise Failure(f"{what} did not end within {timeout_s} s") from error
    finally:
        with _lock:
            _running.discard(process)


def run(arguments, timeout_s, output=None, started=lambda process: None, **options):
    """Runs to the end; raises `Failure` with what it complained of unless it ends with 0. Returns standard output, or None where
    `output` takes it."""
    process = start(arguments, stdout=output or subprocess.PIPE, stderr=subprocess.PIPE, **options)
    started(process)
    try:
        out, complaints = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        _kill(process)
        process.communicate()
        raise Failure(f"{arguments[0]} did not end within {timeout_s} s") from error
    except BaseException:
        # An interruption: what is cleared away behind it is not to be written to any more.
        _kill(process)
        process.wait()
        raise
    finally:
        with _lock:
            _running.discard(process)
    if process.returncode != 0:
        words = " ".join(str(a) for a in arguments[:2])
        raise Failure(f"{words} ended with {process.returncode}: {complaints.decode(errors='replace')[-600:].strip()}")
    return out


@atexit.register
def kill_all():
    with _lock:
        left = list(_running)
        _running.clear()
    for process in left:
        if process.poll() is None:
            _kill(process)
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
