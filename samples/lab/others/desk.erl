%% A desk: a process for each connection asks one ledger, a gen_server, and the ledger asks a rate service.
-module(desk).
-behaviour(gen_server).
-export([start/1, serve/1, init/1, handle_call/3, handle_cast/2]).

start([Port, Host, Service]) ->
    {ok, _} = gen_server:start({local, ledger}, ?MODULE, {Host, list_to_integer(Service)}, []),
    {ok, Listener} = gen_tcp:listen(list_to_integer(Port), [binary, {active, false}, {packet, line}, {reuseaddr, true}, {backlog, 100}]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    ok = gen_tcp:controlling_process(Socket, spawn(?MODULE, serve, [Socket])),
    accept(Listener).

serve(Socket) ->
    {ok, _} = gen_tcp:recv(Socket, 0),
    Balance = gen_server:call(ledger, balance, infinity),
    ok = gen_tcp:send(Socket, ["HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", Balance]),
    gen_tcp:close(Socket).

init(Service) ->
    {ok, Service}.

handle_call(balance, _From, Service) ->
    {reply, rate(Service), Service}.

handle_cast(_, Service) ->
    {noreply, Service}.

rate({Host, Port}) ->
    {ok, Socket} = gen_tcp:connect(Host, Port, [binary, {active, false}, {packet, line}]),
    ok = gen_tcp:send(Socket, "GET /rate HTTP/1.1\r\n\r\n"),
    {ok, Line} = gen_tcp:recv(Socket, 0),
    gen_tcp:close(Socket),
    Line.
