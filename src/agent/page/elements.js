// Making and changing elements. What has not changed is not touched, so that focus, selection and layout stay.

/**
 * An element of the page's HTML.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
    const found = document.getElementById(id);
    if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
    return found;
}

/**
 * A new element.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
}

/**
 * @param {Element} node
 * @param {string} text
 */
export function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {string} value
 */
export function setAttribute(node, name, value) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * A part of `node` that is there from the start.
 * @param {Element} node
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function part(node, selector) {
    const found = node.querySelector(selector);
    if (!(found instanceof HTMLElement)) throw new Error(`nothing is ${selector}`);
    return found;
}

/**
 * Makes the children of `container` those of `items`, in their order; a child stays as long as its key does.
 * @template T
 * @param {Element} container
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} create
 * @param {(child: HTMLElement, item: T) => void} update
 */
export function keyed(container, items, key, create, update) {
    /** @type {Map<string, HTMLElement>} */
    const kept = new Map();
    for (const child of container.children) {
        if (child instanceof HTMLElement && child.dataset.key !== undefined) kept.set(child.dataset.key, child);
    }
    /** @type {HTMLElement[]} */
    const wanted = items.map((item) => {
        const name = key(item);
        const child = kept.get(name) ?? create(item);
        child.dataset.key = name;
        update(child, item);
        return child;
    });
    if (wanted.length === container.children.length && wanted.every((child, at) => container.children[at] === child)) return;
    // Moving the focused element would take its focus away: only what is not in its place is moved.
    for (const child of [...container.children]) {
        if (!wanted.includes(/** @type {HTMLElement} */ (child))) child.remove();
    }
    wanted.forEach((child, at) => {
        if (container.children[at] !== child) container.insertBefore(child, container.children[at] ?? null);
    });
}
