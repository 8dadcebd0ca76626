// The prices, as the service behind has them.
async function show() {
  const response = await fetch("/shop/prices");
  for (const { book, price } of await response.json()) {
    const line = document.createElement("li");
    line.textContent = `${book}: ${price.toFixed(2)}`;
    document.getElementById("prices").append(line);
  }
}
show();
