from google.protobuf.message import Message

from services.common.contracts import Access, HttpRule, event_file_of, event_files, methods


def test_event_files_say_how_events_travel() -> None:
    groups = event_file_of("groups")
    assert groups.topic == "regard.groups.events"
    assert groups.partitions == 12
    assert "group-" in groups.prefixes
    assert groups.holds("group-0190163d-8694-739b-aea5-966c26f8ad91")
    assert not groups.holds("user-0190163d-8694-739b-aea5-966c26f8ad91")
    assert "regard.groups.v1.MemberRemoved" in {message.DESCRIPTOR.full_name for message in groups.messages}


def test_a_message_that_others_contain_is_a_value_and_no_event() -> None:
    audit = {message.DESCRIPTOR.name for message in event_file_of("audit").messages}
    assert "AccessesRecorded" in audit
    assert "Access" not in audit


def test_topics_follow_their_service_and_stay_apart() -> None:
    found = event_files()
    assert [file.topic for file in found] == [f"regard.{file.service}.events" for file in found]
    categories = [category for file in found for category in file.categories]
    assert len(set(categories)) == len(categories)
    assert all(category.isalpha() and category.islower() for category in categories)


def test_methods_carry_their_access_and_their_http_rules() -> None:
    by_name = {method.full_name: method for method in methods()}
    create = by_name["regard.groups.v1.GroupService.CreateGroup"]
    assert create.service == "groups"
    assert create.path == "/regard.groups.v1.GroupService/CreateGroup"
    assert create.access == Access(public=False, internal=False, roles=frozenset())
    assert create.http == (HttpRule("POST", "/v1/groups", "*"),)
    assert (create.client_streaming, create.server_streaming) == (False, False)
    assert by_name["regard.groups.v1.GroupInternalService.GetContentKeys"].access.internal


def test_requests_are_the_generated_classes() -> None:
    from regard.groups.v1 import groups_pb2

    create = next(method for method in methods() if method.full_name.endswith(".CreateGroup"))
    assert create.request is groups_pb2.CreateGroupRequest
    assert create.response is groups_pb2.CreateGroupResponse
    assert isinstance(create.request(), Message)


def test_what_the_gateway_must_not_route_has_no_http_rule() -> None:
    assert [method.full_name for method in methods() if method.access.internal and method.http] == []


def test_no_two_methods_answer_to_the_same_http_rule() -> None:
    rules = [(rule.verb, rule.path) for method in methods() for rule in method.http]
    assert len(set(rules)) == len(rules)
