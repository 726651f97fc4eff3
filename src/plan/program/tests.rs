use super::*;
use crate::config::{
    profile::{Send, Timeouts},
    template::Template,
};

fn socket(steps: Vec<SocketStep>) -> Step {
    Step::WebSocket(Box::new(web_socket(0, steps)))
}

fn web_socket(depth: usize, steps: Vec<SocketStep>) -> WebSocket {
    WebSocket {
        url: Target {
            secure: false,
            host: "localhost".into(),
            port: 80,
            path_and_query: Template::literal("/"),
            display: "ws://localhost/".into(),
        },
        name: "ws://localhost/".into(),
        tags: Default::default(),
        headers: vec![],
        subprotocols: vec![],
        timeouts: Timeouts::default(),
        max_message_size: 1 << 20,
        depth,
        reply_ids: None,
        keep_alive: None,
        idle_timeout: None,
        reconnect: None,
        close_mode: Default::default(),
        steps,
    }
}

fn send() -> SocketStep {
    SocketStep::Send(Send { message: Message::Text(Template::literal("x")), reply: None })
}

/// Sends of a whole walk.
fn sends(program: &Program) -> u64 {
    sends_by_depth(program).len() as u64
}

#[test]
fn nested_loops_send_the_product_of_their_rounds() {
    let inner = SocketStep::Repeat { times: 10, steps: vec![send()] };
    let flow = [
        Step::Repeat {
            times: 3,
            steps: vec![socket(vec![send(), SocketStep::Repeat { times: 5, steps: vec![inner, send()] }])],
        },
        socket(vec![send(), SocketStep::Hold { duration: None }]),
    ];
    let program = Program::new(&flow);
    assert_eq!(sends(&program), 3 * (1 + 5 * 11) + 1);
    assert_eq!(program.messages(), sends(&program));
    assert!(program.holds());
}

/// Walks as the engine does, each loop as often as it says; returns for which connection each send was.
fn sends_by_depth(program: &Program) -> Vec<usize> {
    let (mut pc, mut loops, mut open, mut current, mut sends) = (0, Vec::new(), 0, 0, Vec::new());
    while let Some(op) = program.ops.get(pc) {
        pc += 1;
        match op {
            Op::Repeat => loops.push(0),
            Op::Next { body, times } => {
                let round = loops.last_mut().unwrap();
                *round += 1;
                if *round < *times {
                    pc = *body;
                } else {
                    loops.pop();
                }
            }
            Op::Open { .. } => {
                current = open;
                open += 1;
            }
            Op::On { depth } => {
                assert!(*depth < open, "only what is open");
                current = *depth;
            }
            Op::Send { .. } => {
                assert!(current < open);
                sends.push(current);
            }
            Op::Close { depth, loops: inside, after, .. } => {
                assert!(*depth < open);
                open = *depth;
                loops.truncate(loops.len() - inside);
                pc = *after;
            }
            _ => {}
        }
    }
    assert!(loops.is_empty() && open == 0);
    sends
}

#[test]
fn steps_are_for_the_innermost_connection_or_the_one_that_on_names() {
    let on = |depth, steps| SocketStep::On { depth, steps };
    let inner = |steps| SocketStep::WebSocket(Box::new(web_socket(1, steps)));
    let flow =
        [socket(vec![send(), inner(vec![send(), on(0, vec![send(), on(1, vec![send()]), send()]), send()]), send()])];
    let program = Program::new(&flow);
    assert_eq!(sends_by_depth(&program), [0, 1, 0, 1, 0, 1, 0]);
    assert_eq!(program.most_sockets(Target::address), (2, BTreeMap::from([("localhost:80".to_owned(), 2)])));
    assert_eq!(program.messages(), 7);
}

#[test]
fn closing_an_outer_connection_ends_the_inner_ones_with_it() {
    let repeat = |steps| SocketStep::Repeat { times: 3, steps };
    let close = || SocketStep::Close { code: 1000, reason: String::new() };
    let on = |depth, steps| SocketStep::On { depth, steps };
    let inner = |steps| SocketStep::WebSocket(Box::new(web_socket(1, steps)));
    let whole = [
        socket(vec![repeat(vec![inner(vec![repeat(vec![send(), on(0, vec![close()])]), send()]), send()]), send()]),
        socket(vec![send()]),
    ];
    assert_eq!(sends_by_depth(&Program::new(&whole)), [1, 0]);
    let only_inner = [socket(vec![repeat(vec![inner(vec![repeat(vec![send(), close()]), send()]), send()])])];
    assert_eq!(sends_by_depth(&Program::new(&only_inner)), [1, 0, 1, 0, 1, 0]);
}

#[test]
fn close_leaves_the_loops_inside_its_connection_only() {
    let close = SocketStep::Close { code: 1000, reason: String::new() };
    let socket = socket(vec![SocketStep::Repeat { times: 5, steps: vec![send(), close, send()] }, send()]);
    let program = Program::new(&[Step::Repeat { times: 4, steps: vec![socket] }]);
    assert_eq!(sends(&program), 4);
}
