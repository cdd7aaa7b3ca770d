#include "control/interface.h"

namespace parikshan::control {

constexpr std::string_view service_description_text = R"(# What every Varlink service can be asked.
interface org.varlink.service

# Who answers, and the interfaces it has.
method GetInfo() -> (
  vendor: string,
  product: string,
  version: string,
  url: string,
  interfaces: []string
)

# The text that describes an interface.
method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
# The method gives a stream of replies: it has to be called with "more".
error ExpectedMore ()
)";

constexpr std::string_view parikshan_description_text =
    R"(# One instance of parikshan: a service in production, watched through its replicas.
# Sizes and offsets are bytes, times are seconds, rates are bytes a second, counts are since the
# start of the instance. A state is one of "in-sync", "diverged" and "overflowed".
interface io.parikshan

# A duplicated port. mode is one of "asynchronous", "synchronous" and "passthrough".
type Port (
  listen: string,
  production: string,
  mode: string,
  sessions_open: int,
  sessions_total: int,
  sessions_not_copied: int,
  connect_failures: int,
  client_to_production: int,
  production_to_client: int
)

# A replica at one port, over all its sessions.
# due is delivered + pending + lost; produced is compared + uncompared + awaited.
type Replica (
  address: string,
  listen: string,
  state: string,
  reason: string,
  attached: bool,
  sessions: int,
  sessions_open: int,
  sessions_diverged: int,
  sessions_lost: int,
  due: int,
  delivered: int,
  pending: int,
  lost: int,
  produced: int,
  compared: int,
  uncompared: int,
  awaited: int,
  answered: int,
  blocks_differing: int
)

type Buffer (
  memory_quota: int,
  memory_used: int,
  memory_resident: int,
  spill_quota: int,
  spill_used: int,
  chunks_used: int,
  spill_problem: string
)

type Instance (
  name: string,
  policy_source: string,
  pid: int,
  uptime: float,
  state: string,
  reason: string,
  draining: bool,
  accepting: bool,
  not_accepting_why: string,
  descriptors_used: int,
  descriptors_limit: int,
  arrival_rate: float,
  answer_rate: float,
  ports: []Port,
  replicas: []Replica,
  buffer: Buffer
)

# One session and one replica. The sums are those of Replica. first_lost is an offset in what the
# client sent, first_divergent one in what production answered.
type LedgerEntry (
  session: int,
  client: string,
  listen: string,
  replica: string,
  open: bool,
  due: int,
  delivered: int,
  pending: int,
  lost: int,
  has_first_lost: bool,
  first_lost: int,
  lost_why: string,
  produced: int,
  compared: int,
  uncompared: int,
  awaited: int,
  answered: int,
  has_first_divergent: bool,
  first_divergent: int,
  divergent_why: string
)

# The surroundings of the first differing byte of a session. production and replica_bytes are raw
# bytes in hexadecimal digits; context_before of them stand before the offset.
type Difference (
  session: int,
  client: string,
  listen: string,
  replica: string,
  production_offset: int,
  replica_offset: int,
  why: string,
  context_before: int,
  production: string,
  replica_bytes: string
)

# How long a replica can go on before a reader falls out of the quotas. message is the mean size
# of a message. seconds_to_overflow is an expectation, and only meant when not unbounded.
type DebugWindow (
  replica: string,
  listen: string,
  arrival: float,
  drain: float,
  message: float,
  pending: int,
  room: int,
  keeps_up: bool,
  unbounded: bool,
  seconds_to_overflow: float
)

# The instance as it is now: the fields of Instance.
method Status() -> (
  name: string,
  policy_source: string,
  pid: int,
  uptime: float,
  state: string,
  reason: string,
  draining: bool,
  accepting: bool,
  not_accepting_why: string,
  descriptors_used: int,
  descriptors_limit: int,
  arrival_rate: float,
  answer_rate: float,
  ports: []Port,
  replicas: []Replica,
  buffer: Buffer
)

# Sessions: the open ones first, then the latest that ended; at most limit, all that are kept when
# it is absent or 0. complete is false when a reply could not hold them all. replicas are the
# totals, taken just after the entries.
method Ledger(limit: ?int) -> (entries: []LedgerEntry, complete: bool, replicas: []Replica)

# The differences that were kept.
method Differences() -> (differences: []Difference, complete: bool)

method Window() -> (windows: []DebugWindow)

# OpenMetrics text.
method Metrics() -> (text: string)

# Stops feeding a replica; with listen, only at that port.
method Detach(replica: string, listen: ?string) -> ()

# Feeds a replica with the sessions that are opened from now on. listen may be left out when the
# instance has one port.
method Attach(replica: string, listen: ?string) -> ()

# Reads the policy again; a wrong one is refused whole, and nothing changes.
method Reload() -> ()

# Status and windows now, and again every period_ms (50 to 3600000, 1000 when absent) until the
# connection closes. A reader that is slower than the period gets fewer. Needs "more".
method Watch(period_ms: ?int) -> (status: Instance, windows: []DebugWindow)

error NoSuchReplica (replica: string, reason: string)
error BadAddress (address: string, reason: string)
error NotPossible (reason: string)
# reason holds every error of the policy, with file, line and column.
error PolicyInvalid (reason: string)
error PermissionDenied (reason: string)
)";

const std::string_view service_description = service_description_text;
const std::string_view parikshan_description = parikshan_description_text;

}  // namespace parikshan::control
