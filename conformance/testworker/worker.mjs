// The conformance suite's Worker: its program, and the Durable Object class of its hubs.
import "../../build/wasm_exec.js";
import module from "../../build/testworker.wasm";
import { hubbub } from "../../worker/shim/hubbub.mjs";

const { front, hub } = hubbub(module);

export default front;
export const Hub = hub("Hub");
