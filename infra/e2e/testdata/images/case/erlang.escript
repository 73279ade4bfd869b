#!/usr/bin/env escript
%% The BEAM: schedulers, a just-in-time compiler, ports, sockets.
main(_) ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {ip, {127,0,0,1}}, {reuseaddr, true}, {backlog, 50}]),
    {ok, P} = inet:port(L),
    spawn(fun() -> accept(L) end),
    Self = self(),
    [spawn(fun() -> {ok, S} = gen_tcp:connect({127,0,0,1}, P, [binary, {active, false}]), ok = gen_tcp:send(S, <<"x">>), {ok, B} = gen_tcp:recv(S, 1), gen_tcp:close(S), Self ! B end) || _ <- lists:seq(1, 50)],
    io:format("~p~n", [lists:usort([receive B -> B end || _ <- lists:seq(1, 50)])]),
    {ok, U} = gen_udp:open(0, [binary, {active, false}, {ip, {127,0,0,1}}]), {ok, UP} = inet:port(U), ok = gen_udp:send(U, {127,0,0,1}, UP, <<"udp">>), {ok, {_, _, D}} = gen_udp:recv(U, 3), io:format("~p~n", [D]),
    io:format("~s", [os:cmd("echo from a shell; id -un")]),
    Port = open_port({spawn_executable, "/bin/cat"}, [binary, exit_status]), port_command(Port, <<"port">>), receive {Port, {data, X}} -> io:format("~p~n", [X]) end, port_close(Port),
    io:format("~p~n", [catch open_port({spawn_executable, "/nowhere"}, [])]),
    ok = file:write_file("/tmp/erlfile", <<"data">>), {ok, <<"data">>} = file:read_file("/tmp/erlfile"), ok = file:delete("/tmp/erlfile"), io:format("~p~n", [file:read_file("/nowhere")]),
    io:format("~p ~p~n", [gen_tcp:connect({127,0,0,1}, 1, [], 2000), lists:sum([I rem 7 || I <- lists:seq(1, 1000000)])]),
    halt(6).
accept(L) -> {ok, S} = gen_tcp:accept(L), spawn(fun() -> receive go -> ok end, {ok, B} = gen_tcp:recv(S, 0), gen_tcp:send(S, B) end) ! go, accept(L).
