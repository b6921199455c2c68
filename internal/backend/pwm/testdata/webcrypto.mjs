// The vaults of a pwm service as a browser seals them, by WebCrypto alone.
// Reads one JSON object from standard input and writes one to standard output:
//   {op:"seal", password, plaintext} -> the five members of the API
//   {op:"open", password, …the five members} -> {plaintext}
import { webcrypto as crypto } from "node:crypto";

const encode = (b) => Buffer.from(b).toString("base64");
const decode = (s) => new Uint8Array(Buffer.from(s, "base64"));

async function deriveKEK(password, salt) {
  const material = await crypto.subtle.importKey("raw", new TextEncoder().encode(password), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey(
    { name: "PBKDF2", hash: "SHA-256", iterations: 600000, salt },
    material,
    { name: "AES-GCM", length: 256 },
    false,
    ["wrapKey", "unwrapKey"],
  );
}

async function seal({ password, plaintext }) {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const keyIV = crypto.getRandomValues(new Uint8Array(12));
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const kek = await deriveKEK(password, salt);
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
  return {
    wrappedVaultKey: encode(await crypto.subtle.wrapKey("raw", key, kek, { name: "AES-GCM", iv: keyIV })),
    vaultKeyIv: encode(keyIV),
    vaultKeySalt: encode(salt),
    iv: encode(iv),
    encryptedData: encode(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, new TextEncoder().encode(plaintext))),
  };
}

async function open(v) {
  const kek = await deriveKEK(v.password, decode(v.vaultKeySalt));
  const key = await crypto.subtle.unwrapKey(
    "raw", decode(v.wrappedVaultKey), kek, { name: "AES-GCM", iv: decode(v.vaultKeyIv) }, { name: "AES-GCM" }, false, ["decrypt"],
  );
  const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: decode(v.iv) }, key, decode(v.encryptedData));
  const plaintext = new TextDecoder("utf-8", { fatal: true }).decode(plain);
  return { plaintext, entries: JSON.parse(plaintext).entries };
}

let input = "";
for await (const chunk of process.stdin) input += chunk;
const request = JSON.parse(input);
console.log(JSON.stringify(await { seal, open }[request.op](request)));
