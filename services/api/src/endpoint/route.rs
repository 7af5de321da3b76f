//! A route: method, path, handler, and the words about it. The rest of its description comes from the handler's types.

use actix_web::{FromRequest, Handler, Resource, Responder, guard, http::Method, web};
use utoipa::openapi::{Components, HttpMethod, OpenApi, PathItem};

use super::description::{Describes, Description};

pub struct Route {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    detail: Option<&'static str>,
    success: Option<&'static str>,
    refusals: &'static [&'static str],
    describe: fn(&mut Description),
    resource: Resource,
}

fn describe<Args: Describes, Output: Describes>(operation: &mut Description) {
    Args::describe(operation);
    Output::describe(operation);
}

macro_rules! verbs {
    ($($name:ident, $document:ident, $method:ident;)+) => {
        impl Route {
            $(
                pub fn $name<H, Args>(path: &'static str, handler: H) -> Self
                where
                    H: Handler<Args>,
                    H::Output: Responder + Describes + 'static,
                    Args: FromRequest + Describes + 'static,
                {
                    Self {
                        method: HttpMethod::$document,
                        path,
                        id: "",
                        summary: "",
                        detail: None,
                        success: None,
                        refusals: &[],
                        describe: describe::<Args, H::Output>,
                        resource: web::resource(path).guard(guard::Method(Method::$method)).to(handler),
                    }
                }
            )+
        }
    };
}

verbs! {
    get, Get, GET;
    post, Post, POST;
    put, Put, PUT;
    patch, Patch, PATCH;
    delete, Delete, DELETE;
}

impl Route {
    /// The operation's id, `resourceVerb`, and what it does in one line.
    pub fn named(self, id: &'static str, summary: &'static str) -> Self {
        Self { id, summary, ..self }
    }

    /// What the types cannot say.
    pub fn detail(self, detail: &'static str) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// What its success means, where the responder's word is too general.
    pub fn answers(self, success: &'static str) -> Self {
        Self { success: Some(success), ..self }
    }

    /// Codes its service refuses with, on top of those of its arguments.
    pub fn refuses(self, refusals: &'static [&'static str]) -> Self {
        Self { refusals, ..self }
    }
}

/// Routes in the order they are matched, each under a tag of the document.
#[derive(Default)]
pub struct Routes {
    tag: &'static str,
    routes: Vec<(&'static str, Route)>,
}

impl Routes {
    /// The tag of the routes that follow.
    pub fn tag(&mut self, tag: &'static str) -> &mut Self {
        self.tag = tag;
        self
    }

    pub fn add(&mut self, route: Route) -> &mut Self {
        self.routes.push((self.tag, route));
        self
    }

    pub fn configure(&mut self, routes: impl FnOnce(&mut Self)) -> &mut Self {
        routes(self);
        self
    }

    pub fn serve(self, config: &mut web::ServiceConfig) {
        for (_, route) in self.routes {
            config.service(route.resource);
        }
    }

    /// Adds every route to the document.
    pub fn document(self, document: &mut OpenApi) {
        for (tag, route) in self.routes {
            let mut description = Description::new(route.path);
            (route.describe)(&mut description);
            description.refuses(route.refusals);
            if let Some(success) = route.success {
                description.success_means(success);
            }
            let (operation, schemas) = description.into_operation();
            let operation = operation.tag(tag).operation_id(Some(route.id)).summary(Some(route.summary)).description(route.detail);
            document.components.get_or_insert_with(Components::new).schemas.extend(schemas);
            let item = document.paths.paths.entry(route.path.to_owned()).or_default();
            item.merge_operations(PathItem::new(route.method, operation));
        }
    }
}
