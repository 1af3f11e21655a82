"""A scripted model server, run as `python -I -S program.py WORDS...`.

Each word is one thing to do, in order, with what follows a colon as its argument.
"""

import os
import signal
import sys
import time


def on_sigterm(action):
    signal.signal(signal.SIGTERM, action)


def deaf(_):
    on_sigterm(signal.SIG_IGN)


def slow(seconds):
    on_sigterm(lambda *_: (time.sleep(float(seconds)), os._exit(7)))


def polite(_):
    on_sigterm(lambda *_: (say("bye\n"), os._exit(0)))


def count(_):
    on_sigterm(lambda *_: say("TERM\n"))


def say(text):
    os.write(1, text.encode())


def complain(text):
    os.write(2, text.encode())


def ready(_):
    say("ready\n")


def variable(name):
    say(os.environ.get(name, ""))


def descriptors(_):
    say(" ".join(sorted(os.listdir("/proc/self/fd"))))  # noqa: PTH208  # starts faster


def flood(size):
    for _ in range(int(size) // 65536):
        os.write(1, b"x" * 65536)


def quiet(_):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def session(_):
    os.setsid()


def fork(script):
    """Run the words of `script`, joined by `+`, in a child; return when it has come to the last."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        *first, last = script.split("+")
        act([*first, f"tell:{writing}", last])
        os._exit(0)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)


def tell(descriptor):
    os.write(int(descriptor), b"+")
    os.close(int(descriptor))


def daemon(script):
    """As `fork`, but forked twice and in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        fork(script)
        os._exit(0)
    os.wait()


def bare(script):
    """Go on with an empty environment."""
    program = [sys.executable, "-I", "-S", __file__, *script.split("+")]
    os.execve(sys.executable, program, {})  # noqa: S606  # without a shell is the point


def kill(pid):
    os.kill(int(pid), signal.SIGTERM)


def leave(status):
    os._exit(int(status))


def stay(_):
    while True:
        signal.pause()


def act(words):
    for word in words:
        name, _, argument = word.partition(":")
        globals()[name](argument)


act(sys.argv[1:])
