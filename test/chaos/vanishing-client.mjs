/** A client of HTTP+SSE that opens the stream which it is told, says so, and does nothing more. */
const answer = await fetch(process.argv[2], { headers: { accept: 'text/event-stream' } });
const reader = answer.body.getReader();
const { value } = await reader.read();
console.log(`${answer.status} ${JSON.stringify(new TextDecoder().decode(value))}`);
setInterval(() => {}, 1 << 30);
