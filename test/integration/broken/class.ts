// A class in place of a handler.

export default class Orders {
  handle(): void {}
}
