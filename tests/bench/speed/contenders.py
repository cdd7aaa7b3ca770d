"""What is measured: each contender offers a Redis port and a bulk (iperf3) port."""

import os
import pathlib
import signal

from speed.process import Failure, Process, await_condition, free_port, settle
from speed.servers import Sink

NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"


class Contender:
    """A way from the client to production. `process` is the proxy, None for the direct way;
    `replica` is a Sink when there is one, and `stopped` tells that loads run while it is held."""

    def __init__(self, name, ports, process=None, replica=None, stopped=False, pool=None):
        self.name = name
        self.ports = ports  # {"redis": port, "bulk": port}
        self.process = process
        self.replica = replica
        self.stopped = stopped
        self.broken = False  # it did not come to rest after a load, and is left out from then on
        self.pool = pool  # bytes of prefaulted memory that the load has to stay within

    def stop(self):
        for each in (self.process, self.replica):
            if each:
                each.stop()


def two_ports():
    return {"redis": free_port(), "bulk": free_port()}


def started(name, command, folder, ports, address, **options):
    process = Process(name, command, folder, **options)
    try:
        for port in ports.values():
            process.await_port(port, address, options.get("namespace"))
    except Failure:
        process.stop()
        raise
    return process


def native(production):
    return Contender("native", dict(production))


def haproxy(production, workers, folder, address="127.0.0.1", **options):
    ports = two_ports()
    parts = [f"global\n  nbthread {workers}\n  maxconn 6000\n"
             "defaults\n  mode tcp\n  timeout connect 10s\n"
             "  timeout client 1h\n  timeout server 1h\n"]
    parts += [f"listen {what}\n  bind {address}:{ports[what]}\n"
              f"  server production 127.0.0.1:{production[what]}\n" for what in ports]
    config = pathlib.Path(folder, f"haproxy-{workers}.cfg")
    config.write_text("".join(parts))
    # The old way in: one process, no master, in the foreground.
    process = started(f"haproxy-{workers}", ["haproxy", "-db", "-f", config], folder, ports,
                      address, **options)
    return Contender("haproxy", ports, process)


def nginx(production, workers, folder, address="127.0.0.1", **options):
    ports = two_ports()
    own = pathlib.Path(folder, f"nginx-{workers}")
    own.mkdir()
    parts = [f"load_module {NGINX_STREAM};\nuser root;\ndaemon off;\nworker_processes {workers};\n"
             f"pid {own}/pid;\nerror_log {own}/error.log;\nworker_rlimit_nofile 16000;\n"
             "events { worker_connections 14000; }\n"
             "stream {\n  access_log off;\n  proxy_timeout 1h;\n"]
    parts += [f"  server {{ listen {address}:{ports[what]} backlog=4096; "
              f"proxy_pass 127.0.0.1:{production[what]}; }}\n" for what in ports]
    config = own / "nginx.conf"
    config.write_text("".join(parts) + "}\n")
    # SIGTERM, not SIGKILL, if the bench dies: the master has to take its workers along.
    process = started(f"nginx-{workers}", ["nginx", "-c", config, "-e", own / "error.log"], folder,
                      ports, address, death=signal.SIGTERM, **options)
    return Contender("nginx", ports, process)


class Parikshan:
    """Starts parikshand with a policy for each of its ways of being measured."""

    def __init__(self, build, folder):
        self.daemon = pathlib.Path(build, "daemon", "parikshand").resolve()
        self.sink = pathlib.Path(build, "tests", "bench", "sink").resolve()
        self.folder = pathlib.Path(folder)

    def missing(self):
        return [str(path) for path in (self.daemon, self.sink) if not path.exists()]

    def contender(self, name, production, workers, *, mode="asynchronous", second_redis=None,
                  stopped=False, memory="256MiB", prefault="grow", spill="0", pool=None,
                  address="127.0.0.1", **options):
        # The name of the instance, and so of its control socket: nobody else's.
        full_name = f"bench{os.getpid()}-{name}-{workers}"
        replica = None
        copies = {"redis": [], "bulk": []}
        if mode != "passthrough":
            replica = Sink(f"{full_name}-sink", self.sink, self.folder, options.get("namespace"))
            copies = {"redis": [second_redis or replica.port], "bulk": [replica.port]}
        ports = two_ports()
        text = f'[instance]\nworkers = {workers}\ndrain_timeout = "1s"\n\n'
        for what, port in ports.items():
            to = ", ".join(f'"127.0.0.1:{replica_port}"' for replica_port in copies[what])
            text += (f'[[duplicate]]\nlisten = "{address}:{port}"\n'
                     f'production = "127.0.0.1:{production[what]}"\nmode = "{mode}"\n'
                     f"replicas = [{to}]\n\n")
        text += (f'[buffer]\nsession = "{memory}"\nmemory = "{memory}"\nspill = "{spill}"\n'
                 f'directory = "{self.folder}"\nprefault = "{prefault}"\n\n'
                 '[replica]\non_overflow = "continue"\n')
        policy = self.folder / f"{full_name}.toml"
        policy.write_text(text)
        try:
            command = [self.daemon, "--foreground", policy,
                       "--runtime-directory", self.folder / "run"]
            process = started(full_name, command, self.folder, ports, address, **options)
        except Failure:
            if replica:
                replica.stop()
            raise
        contender = Contender(name, ports, process, replica, stopped, pool)
        try:
            # The daemon serves while it still makes its pool resident; the loads must not see that.
            if pool:
                await_condition(lambda: process.resident_bytes() > 0.95 * pool, 120,
                                f"{full_name}: a pool of {pool} bytes resident")
            settle(process)
        except Failure:
            contender.stop()
            raise
        return contender
