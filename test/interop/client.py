"""A raftq client in Python, from the .proto file alone: what another language sees of the API.

    client.py frames PROTO               hex frames on stdin ("ClientFrame <hex>"), parsed and serialized again to stdout
    client.py cluster PROTO host:port…   a walk through the API of a running cluster; exit status 1 on the first surprise

Message classes are made from a descriptor set at run time, so that any version of grpc_tools and protobuf will do.
"""

import os
import queue
import sys
import tempfile
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc


def load(path):
    """The messages and methods of queue.proto."""
    folder = tempfile.mkdtemp()
    out = os.path.join(folder, "set")

    def compile_in(source):
        return protoc.main(["protoc", "-I" + source, "--descriptor_set_out=" + out, "queue.proto"])

    # Compilers before 3.15 (Debian 12's grpc_tools has 3.6) refuse `optional`. Without the word the bytes are the same; only
    # an explicit zero could not be told from an absent field, and this client sends none.
    with open(path) as file:
        source = file.read()
    with open(os.path.join(folder, "queue.proto"), "w") as file:
        file.write(source.replace("  optional ", "  "))
    if compile_in(folder) != 0:
        raise SystemExit("queue.proto does not compile")
    with open(out, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for each in files.file:
        pool.Add(each)
    if hasattr(message_factory, "GetMessageClass"):
        make = message_factory.GetMessageClass
    else:
        make = message_factory.MessageFactory(pool).GetPrototype
    file = pool.FindFileByName("queue.proto")
    messages = {name: make(descriptor) for name, descriptor in file.message_types_by_name.items()}
    enums = {name: descriptor.values_by_number for name, descriptor in file.enum_types_by_name.items()}
    return messages, enums, file.services_by_name


messages, enums, services = load(sys.argv[2])


def message(type_name, **fields):
    return messages[type_name](**fields)


class Refused(Exception):
    """A call's end as an error: the gRPC status, and raftq's own error from the trailing metadata."""

    def __init__(self, call):
        self.code = call.code()
        self.error = None
        for key, value in call.trailing_metadata() or ():
            if key == "raftq-error-bin":
                self.error = messages["Error"].FromString(value)
        self.reason = "" if self.error is None else enums["Reason"][self.error.reason].name
        super().__init__("%s %s %s" % (self.code.name, self.reason, call.details()))


class Node:
    """One endpoint: every method of the .proto file by its name."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.channel = grpc.insecure_channel(endpoint, options=[("grpc.enable_http_proxy", 0)])

    def call(self, method, **fields):
        service = "Admin" if method == "GetCluster" else "Queue"
        descriptor = services[service].methods_by_name[method]
        stub = self.channel.unary_unary(
            "/raftq.v1.%s/%s" % (service, method),
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=messages[descriptor.output_type.name].FromString,
        )
        try:
            return stub(messages[descriptor.input_type.name](**fields), timeout=10)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def connect(self, frames):
        stub = self.channel.stream_stream(
            "/raftq.v1.Queue/Connect",
            request_serializer=lambda frame: frame.SerializeToString(),
            response_deserializer=messages["ServerFrame"].FromString,
        )
        return stub(frames, timeout=30)


def step(text):
    print("ok  " + text, flush=True)


def expect(what, got, wanted):
    if got != wanted:
        raise SystemExit("%s: got %r, expected %r" % (what, got, wanted))


def refusal(run):
    try:
        run()
    except Refused as refused:
        return refused
    raise SystemExit("was not refused")


def find_leader(endpoints):
    """Starts at a follower on purpose, and is sent on by the hint."""
    leader, follower = None, None
    for endpoint in endpoints:
        cluster = Node(endpoint).call("GetCluster")
        own = next(member for member in cluster.members if member.node_id == cluster.node_id)
        role = enums["Role"][own.role].name
        if role == "LEADER":
            leader = endpoint
        else:
            follower = endpoint
    if follower is None:
        return Node(leader)
    refused = refusal(lambda: Node(follower).call("OpenSession", name="python"))
    expect("a follower's status", refused.code, grpc.StatusCode.UNAVAILABLE)
    expect("a follower's reason", refused.reason, "NOT_LEADER")
    expect("a follower's outcome", enums["Outcome"][refused.error.outcome].name, "NOT_APPLIED")
    step("a follower refused with NOT_LEADER and named %s" % refused.error.leader.endpoint)
    return Node(refused.error.leader.endpoint)


class Session:
    def __init__(self, node):
        self.id = node.call("OpenSession", name="python", ttl_ms=10000).session_id
        self.sequence = 0

    def next(self):
        self.sequence += 1
        return self.again()

    def again(self):
        return message("Caller", session_id=self.id, sequence=self.sequence)


def lease_of(delivery):
    return message(
        "Lease",
        queue=delivery.queue,
        key=delivery.key,
        key_seq=delivery.key_seq,
        fencing_token=delivery.fencing_token,
    )


def unary(node, name):
    options = message("QueueOptions", lease_ms=20000)
    created = node.call("CreateQueue", name=name, options=options)
    expect("created", created.created, True)
    expect("created again", node.call("CreateQueue", name=name, options=options).created, False)
    step("created the queue, twice with one effect")

    session = Session(node)
    content = message("Content", body=b"hello \xff", headers={"from": "python"}, content_type="x/y")
    caller = session.next()
    first = node.call("Enqueue", caller=caller, queue=name, key="sch\u00f6n", content=content)
    again = node.call("Enqueue", caller=caller, queue=name, key="sch\u00f6n", content=content)
    expect("the retry's answer", again.message, first.message)
    expect("key_seq", first.message.key_seq, 1)
    step("enqueued %s; the retry got the same answer" % first.message.message_id)

    receive = dict(queue=name, max_messages=5, max_wait_ms=5000)
    deliveries = node.call("Receive", caller=session.next(), **receive).deliveries
    expect("deliveries", len(deliveries), 1)
    delivery = deliveries[0]
    expect("body", delivery.content.body, b"hello \xff")
    expect("headers", dict(delivery.content.headers), {"from": "python"})
    expect("key", delivery.key, "sch\u00f6n")
    step("received it, leased under token %d" % delivery.fencing_token)

    node.call("Release", caller=session.next(), lease=lease_of(delivery))
    second = node.call("Receive", caller=session.next(), **receive).deliveries[0]
    expect("the token grew", second.fencing_token > delivery.fencing_token, True)
    refused = refusal(lambda: node.call("Ack", caller=session.next(), lease=lease_of(delivery)))
    expect("a stale token's status", refused.code, grpc.StatusCode.FAILED_PRECONDITION)
    expect("a stale token's reason", refused.reason, "STALE_LEASE")
    expect("the newest token", refused.error.current_token, second.fencing_token)
    step("a stale token was refused with STALE_LEASE")

    settled = node.call("Ack", caller=session.next(), lease=lease_of(second))
    expect("settled before", settled.already_settled, False)
    settled = node.call("Ack", caller=session.next(), lease=lease_of(second))
    expect("settled before", settled.already_settled, True)
    step("acked; acked again: already settled")

    absent = dict(queue=name + "-absent", key="k", content=content)
    refused = refusal(lambda: node.call("Enqueue", caller=session.next(), **absent))
    expect("an unknown queue's status", refused.code, grpc.StatusCode.NOT_FOUND)
    expect("an unknown queue's reason", refused.reason, "QUEUE_NOT_FOUND")
    step("an unknown queue was refused with QUEUE_NOT_FOUND")
    node.call("CloseSession", session_id=session.id)


def stream(node, name):
    session = Session(node)
    outgoing = queue.Queue()
    incoming = node.connect(iter(outgoing.get, None))
    outgoing.put(message("ClientFrame", attach=message("Attach", session_id=session.id)))
    attached = next(incoming)
    expect("attached", attached.HasField("attached"), True)
    expect("next_sequence", attached.attached.next_sequence, 1)

    commands = []
    for body in (b"one", b"two", b"three"):
        session.sequence += 1
        enqueue = message("Enqueue", queue=name, key="k", content=message("Content", body=body))
        commands.append(message("Command", sequence=session.sequence, enqueue=enqueue))
    session.sequence += 1
    subscribe = message("Subscribe", consumer=1, queue=name, credit=10)
    commands.append(message("Command", sequence=session.sequence, subscribe=subscribe))
    outgoing.put(message("ClientFrame", first_outstanding=1, commands=commands))

    bodies, replies = [], {}
    while len(bodies) < 3 or len(replies) < session.sequence:
        frame = next(incoming)
        for reply in frame.replies:
            expect("an answer to %d" % reply.sequence, reply.WhichOneof("result") != "error", True)
            replies[reply.sequence] = reply
        for delivery in frame.deliveries:
            expect("consumer", delivery.consumer, 1)
            expect("key_seq", delivery.key_seq, len(bodies) + 1)
            bodies.append(delivery.content.body)
            session.sequence += 1
            settle = message(
                "Settle",
                queue=delivery.queue,
                key=delivery.key,
                key_seq=delivery.key_seq,
                fencing_token=delivery.fencing_token,
            )
            command = message("Command", sequence=session.sequence, ack=settle)
            outgoing.put(message("ClientFrame", commands=[command]))
    expect("bodies in order", bodies, [b"one", b"two", b"three"])
    expect("the last answer", replies[session.sequence].WhichOneof("result"), "settled")
    step("on the stream: enqueued, subscribed, got three deliveries in order, acked")

    outgoing.put(message("ClientFrame", heartbeat=42))
    while next(incoming).heartbeat != 42:
        pass
    step("a heartbeat was echoed")
    outgoing.put(None)
    incoming.cancel()
    node.call("CloseSession", session_id=session.id)


def commit(node, name):
    """Consume, transform, produce in one step (O4): all of it, or nothing; once, however often it is sent."""
    source, sink = name + "-in", name + "-out"
    for each in (source, sink):
        node.call("CreateQueue", name=each)
    session = Session(node)
    for key in ("a", "b"):
        content = message("Content", body=key.encode())
        node.call("Enqueue", caller=session.next(), queue=source, key=key, content=content)
    receive = dict(queue=source, max_messages=2, max_wait_ms=5000)
    first, second = node.call("Receive", caller=session.next(), **receive).deliveries

    kind = messages["CommitSettle"]
    done = message("CommitSettle", kind=kind.ACK, lease=lease_of(first))
    failed = message("CommitSettle", kind=kind.NACK, lease=lease_of(second), error="later")
    produced = message("NewMessage", key="a", content=message("Content", body=b"A"))
    enqueue = message("CommitEnqueue", queue=sink, message=produced)

    def tail_is(key_seq):
        return message("Condition", tail_is=message("TailIs", queue=sink, key="a", key_seq=key_seq))

    parts = dict(settles=[done, failed], enqueues=[enqueue])
    refused = refusal(
        lambda: node.call("Commit", caller=session.next(), conditions=[tail_is(5)], **parts)
    )
    expect("a condition's status", refused.code, grpc.StatusCode.ABORTED)
    expect("a condition's reason", refused.reason, "CONDITION_FAILED")
    expect("a condition's field", refused.error.field, "conditions[0]")
    expect("nothing is settled", node.call("GetQueue", name=source).queue.leased, 2)
    expect("nothing is produced", node.call("GetQueue", name=sink).queue.enqueued, 0)
    step("a commit whose condition fails changed nothing")

    caller = session.next()
    answer = node.call("Commit", caller=caller, conditions=[tail_is(0)], **parts)
    again = node.call("Commit", caller=caller, conditions=[tail_is(0)], **parts)
    expect("what was produced", [each.key_seq for each in answer.messages], [1])
    expect("the retry's answer", list(again.messages), list(answer.messages))
    taken = node.call("GetQueue", name=source).queue
    expect("acked, leased, nacked", (taken.acked, taken.leased, taken.retrying), (1, 0, 1))
    expect("enqueued", node.call("GetQueue", name=sink).queue.enqueued, 1)
    step("committed an ack, a nack and a message; the retry had no effect")

    refused = refusal(lambda: node.call("Commit", caller=session.next(), settles=[done]))
    expect("a settled lease's reason", refused.reason, "STALE_LEASE")
    expect("a settled lease's field", refused.error.field, "settles[0].lease")
    refused = refusal(lambda: node.call("Commit", caller=session.next()))
    expect("an empty commit's status", refused.code, grpc.StatusCode.INVALID_ARGUMENT)
    step("a lease that is settled, and a commit of nothing, were refused")
    node.call("CloseSession", session_id=session.id)
    for each in (source, sink):
        node.call("DeleteQueue", name=each)


def walk(endpoints):
    node = find_leader(endpoints)
    name = "interop-" + uuid.uuid4().hex[:8]
    unary(node, name)
    stream(node, name)
    commit(node, name)
    depth = node.call("GetQueue", name=name).queue
    expect("what is left", (depth.ready, depth.leased, depth.acked), (0, 0, 4))
    node.call("DeleteQueue", name=name)
    step("everything settled; deleted the queue")


def frames():
    for line in sys.stdin:
        type_name, data = line.split()
        frame = messages[type_name].FromString(bytes.fromhex(data))
        print(frame.SerializeToString(deterministic=True).hex())


if sys.argv[1] == "frames":
    frames()
else:
    walk(sys.argv[3:])
