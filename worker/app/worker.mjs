// The Worker's main module: the program, and one Durable Object class for each class of hubs in it.
import "../../build/wasm_exec.js";
import module from "../../build/app.wasm";
import { hubbub } from "../shim/hubbub.mjs";

const { front, hub } = hubbub(module);

export default front;
export const Hub = hub("Hub");
